import pathlib

from PIL import Image

from gan_restore.photos import files


def test_each_file_once_and_what_is_wrong(tmp_path):
  for name in ("a.png", "b.jpg"):
    Image.new("RGB", (4, 4)).save(tmp_path / name)
  (tmp_path / "empty").mkdir()
  inputs = [
    str(tmp_path),
    f"{tmp_path}/*.png",
    f"{tmp_path}/empty",
    f"{tmp_path}/*.gif",
    "gone.png",
  ]
  paths, failures = files.expand(inputs)
  assert [path.name for path in paths] == ["a.png", "b.jpg", "gone.png"]
  assert failures == [
    f"{tmp_path}/empty: no images in this folder",
    f"{tmp_path}/*.gif: no file matches this pattern",
  ]


def test_results_within_the_folder_of_the_photographs_are_no_photographs(tmp_path):
  """Unless they are named."""
  for name in ("a.png", "out/a.png", "out/compare/a.png", "masks/a.png", "more/b.png"):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(tmp_path / name)
  apart = [tmp_path / "out", tmp_path / "masks"]
  found = lambda name: [str(p.relative_to(tmp_path)) for p in files.expand([name], apart)[0]]
  assert found(f"{tmp_path}") == ["a.png", "more/b.png"]
  assert found(f"{tmp_path}/out") == ["out/a.png", "out/compare/a.png"]
  apart.append(tmp_path / "more" / "b.png")  # A mask.
  assert found(f"{tmp_path}") == ["a.png"]
  assert found(f"{tmp_path}/more/b.png") == ["more/b.png"]


def test_outputs_have_names_of_their_own():
  paths = [pathlib.Path(p) for p in ("x/a.png", "y/a.jpg", "sheet.png", "a-2.png")]
  names = [p.name for p in files.name_outputs(paths, pathlib.Path("out"), taken=("sheet",))]
  assert names == ["a", "a-2", "sheet-2", "a-2-2"]
