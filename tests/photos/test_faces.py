from PIL import Image
from skimage import data as skimage_data

from gan_restore.photos import faces


def test_the_face_of_the_portrait_is_found():
  box = faces.find_face(Image.fromarray(skimage_data.astronaut()))
  left, top, right, bottom = box
  assert right - left == bottom - top
  assert abs((left + right) / 2 - 222) < 15 and abs((top + bottom) / 2 - 106) < 15
  assert 110 < right - left < 160
  assert faces.find_face(Image.new("RGB", (200, 200))) is None
