"""Table 1 of Yeh, Lim et al., "Image Restoration with Deep Generative Models": five tasks.

    gan-restore evaluate --config configs/tables/map_restoration.py \
        --dataset folder:/path/to/celeba --out runs/table

Options after --config override it. The paper's values are printed below ours. They were measured
on other faces with another prior. Here `colorize` uses V both for the damage and for the model.
The paper uses standard greyscale for the damage; `--tasks colorize:map_paper` does the same.
"""

import ml_collections


def get_config():
  config = ml_collections.ConfigDict()
  config.methods = (
    "damaged,bicubic,lanczos,biharmonic,color_regression,non_local_means,wavelet,tv,low_rank,"
    "sparse,cdcgan,unet_gan,map:num_restarts=2,autoencoder_gan:num_restarts=1,denoiser,"
    "denoiser:num_samples=4"
  )
  config.tasks = "inpaint,colorize,super_resolve,denoise,quantize"
  config.mask = "center"
  config.split = "test"
  config.limit = 500
  config.paper = {
    "TV": {
      "inpaint": "23.10 / 0.765",
      "super_resolve": "21.05 / 0.665",
      "denoise": "21.97 / 0.737",
      "quantize": "20.77 / 0.631",
    },
    "LR": {
      "inpaint": "16.98 / 0.664",
      "super_resolve": "21.45 / 0.675",
      "denoise": "18.69 / 0.618",
      "quantize": "20.65 / 0.675",
    },
    "Sparse": {
      "inpaint": "20.67 / 0.753",
      "super_resolve": "20.82 / 0.608",
      "denoise": "23.63 / 0.809",
      "quantize": "22.67 / 0.787",
    },
    "Ours": {
      "inpaint": "23.60 / 0.812",
      "colorize": "20.85 / 0.888 (of greyscale)",
      "super_resolve": "19.58 / 0.563",
      "denoise": "19.31 / 0.616",
      "quantize": "19.77 / 0.606",
    },
  }
  return config
