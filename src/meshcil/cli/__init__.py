"""The command `meshcil`: one module per thing it does, `application` names them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"application": ["app", "main"]})
