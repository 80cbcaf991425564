import json
import math

from gan_restore.evaluation import reports


def test_rows_are_one_for_each_output():
  scores = {"raw/psnr": 20.0, "result/psnr": 21.0, "raw/ssim": 0.5, "seconds": 1.0}
  assert reports.rows(scores) == [
    {"output": "raw", "psnr": 20.0, "ssim": 0.5, "seconds": 1.0},
    {"output": "result", "psnr": 21.0, "seconds": 1.0},
  ]


def test_a_result_that_is_the_raw_image_has_no_row_of_its_own():
  same = {"raw/psnr": 20.0, "result/psnr": 20.0, "images": 8}
  assert reports.rows(same) == [{"output": "raw", "psnr": 20.0, "images": 8}]
  without = same | {"raw/ssim_hole": math.nan, "result/ssim_hole": math.nan}
  assert [row["output"] for row in reports.rows(without)] == ["raw"]
  of_a_hole = {"raw/psnr": 20.0, "composited/psnr": 20.0, "result/psnr": 20.0}
  assert [row["output"] for row in reports.rows(of_a_hole)] == ["raw", "composited", "result"]


def test_markdown_has_all_columns_in_their_order():
  text = reports.markdown([{"a": 1.0, "b": "x"}, {"a": 2, "c": 0.25}])
  assert text.splitlines() == [
    "| a | b | c |",
    "| --- | --- | --- |",
    "| 1.000 | x |  |",
    "| 2 |  | 0.250 |",
  ]


def test_json_has_no_nan(tmp_path):
  """RFC 8259 has no NaN, and other readers refuse it."""
  path = tmp_path / "t.json"
  reports.write_json(path, {"a": [float("nan"), 1.5], "b": {"c": float("inf")}, "d": (1, "x")})

  def refuse(constant):
    raise AssertionError(constant)

  read = json.loads(path.read_text(), parse_constant=refuse)
  assert read == {"a": [None, 1.5], "b": {"c": None}, "d": [1, "x"]}
  assert [p.name for p in tmp_path.iterdir()] == ["t.json"]
