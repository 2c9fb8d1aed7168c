"""What primitives3d is made of: solids, shapes, ray-cast images, backgrounds, occluders and nuisances."""
