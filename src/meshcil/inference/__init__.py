"""Class and pose of the object in a feature map, given mesh models of the classes.

Everything works on similarities (dot products) between the map's features and the vertices' features: the rendered
feature of a cell is a barycentric blend of three vertex features, so its similarity is the same blend of three
similarities, which are computed once. Results equal those of rendering feature maps, up to rounding.

* ``classify``: scores per class, in one of three forms. ``CLASSIFIERS`` names them.
* ``estimate_pose``: the best of 144 start poses, refined; one mesh, or one per image.
* ``infer``: both of them, and an occlusion map, sharing what they have in common -> ``Inference``.
* ``render_loss``: the objective on plain score maps. ``start_poses``: the 144 poses.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classification": ["CLASSIFIERS", "classify"],
        "prediction": ["Inference", "infer"],
        "refinement": ["render_loss"],
        "render_and_compare": ["estimate_pose"],
        "start_search": ["start_poses"],
    },
)
