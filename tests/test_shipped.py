"""What ships restores faces that it never saw."""

import pytest

from gan_restore import data, evaluation, restorers, tasks


@pytest.fixture(scope="module")
def psnr(real_data, tmp_path_factory):
  source = data.load(
    f"folder:{real_data / 'celeba'}", "test", 64, str(tmp_path_factory.mktemp("tfds"))
  )

  def psnr(name, mask):
    scores = evaluation.evaluate(
      restorers.load(name), tasks.get("inpaint", mask=mask), source, limit=32
    )
    return dict(scores)["result/psnr"]

  return psnr


@pytest.mark.parametrize("name", ["cdcgan", "encoder_dcgan", "unet_gan"])
def test_a_large_hole_is_filled_by_one_pass(psnr, name):
  """25 dB and 3 dB ahead of biharmonic inpainting."""
  ours = psnr(name, "center")
  assert ours > 25 and ours > psnr("biharmonic", "center") + 3


@pytest.mark.parametrize("part", ["eyes", "nose", "lips"])
def test_the_unet_fills_facial_parts(psnr, part):
  """A dB ahead of biharmonic inpainting and of the mirrored face."""
  ours = psnr("unet_gan", part)
  assert all(ours > psnr(rival, part) + 1 for rival in ("biharmonic", "mirror"))
