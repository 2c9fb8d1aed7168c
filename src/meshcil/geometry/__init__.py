"""Poses, cameras and meshes: pure functions of tensors, on any device, differentiable.

``docs/conventions.md`` draws the frames. In short:

* A pose is (azimuth, elevation, theta) in radians, ``[..., 3]``.
* CAD axes are z-up. World axes are y-up: CAD (a, b, c) is world (a, c, -b).
* Camera axes: x right, y up, z towards the viewer. Depth is positive in front of the camera.
* Cells: u to the right, v down; cell (row, column) covers v in [row, row + 1), u in [column, column + 1),
  and is sampled at its centre.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cameras": ["Camera", "camera_axes_rays", "project"],
        "cuboids": ["CuboidMesh", "fit_cuboid"],
        "meshes": ["Mesh", "TriangleMesh", "stack_vertices"],
        "poses": ["camera_center", "pose_error", "pose_from_center", "pose_matrix", "transposed_pose_error"],
    },
)
