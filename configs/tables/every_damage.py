"""Every damage, at several strengths, and compositions of damages.

    gan-restore evaluate --config configs/tables/every_damage.py \
        --dataset folder:/path/to/celeba --out runs/every_damage

`bm3d`, `malvar` and `menon` need the extra `baselines`. The patch priors and BM3D take 0.4 to 1.3
seconds a face, so they are measured on the first 16 faces:

    gan-restore evaluate --config configs/tables/every_damage.py --limit 16 \
        --methods damaged,denoiser,low_rank,sparse,bm3d \
        --dataset folder:/path/to/celeba --out runs/every_damage_patches
"""

import ml_collections

DAMAGES = (
  "jpeg:10,jpeg:20,jpeg:40,"
  "motion_blur:5@30,motion_blur:9@30,motion_blur:15@30,"
  "defocus:1,defocus:2,defocus:3,"
  "poisson:10,poisson:50,poisson:200,"
  "poisson_gaussian:20@0.1,poisson_gaussian:50@0.05,poisson_gaussian:100@0.02,"
  "salt_and_pepper:0.05,salt_and_pepper:0.1,salt_and_pepper:0.3,"
  "speckle:0.1,speckle:0.2,speckle:0.4,"
  "demosaic,demosaic+denoise:0.02,demosaic+denoise:0.05,"
  "super_resolve:2@bicubic,super_resolve:4@bicubic,super_resolve:8@bicubic,"
  "super_resolve:2@lanczos,super_resolve:4@lanczos,super_resolve:8@lanczos,"
  "inpaint:scratches,inpaint:text,inpaint:border,"
  "colorize:luma"
)
COMPOSITIONS = (
  "motion_blur:9@30+denoise:0.02+jpeg:40,"
  "motion_blur:5@0+denoise:0.05,"
  "defocus:2+denoise:0.02,"
  "defocus:1+super_resolve:2,"
  "super_resolve:2@bicubic+denoise:0.02,"
  "demosaic+poisson_gaussian:100@0.02,"
  "poisson:50+jpeg:40,"
  "colorize:luma+inpaint:scratches,"
  "denoise:0.05+inpaint:text,"
  "blur:1+denoise:0.05+quantize:9"
)


def get_config():
  config = ml_collections.ConfigDict()
  config.methods = (
    "damaged,median,biharmonic,bicubic,lanczos,wiener,richardson_lucy,malvar,menon,tv,denoiser"
  )
  config.tasks = f"{DAMAGES},{COMPOSITIONS}"
  config.mask = "center"
  config.split = "test"
  config.limit = 500
  return config
