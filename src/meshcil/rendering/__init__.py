"""Which surface point of a mesh each cell of a feature map sees.

``rasterize`` gives ``Fragments``; its backends are modules named after them: ``cuboid`` (closed form, differentiable,
no dependency), ``pytorch3d`` (optional) and ``embree``. ``observe_vertices`` gives what training needs of a batch:
which vertices each image sees, and in which cells.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Fragments", "Rasterizer", "RayHits"],
        "rasterization": ["rasterize", "rasterizer_for"],
        "visibility": ["VertexViews", "observe_vertices", "visible_vertices"],
    },
)
