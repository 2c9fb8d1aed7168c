"""The command `meshcil`: one module per command, of the command's name; `application` lists them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"application": ["app"], "__main__": ["main"]}
)
