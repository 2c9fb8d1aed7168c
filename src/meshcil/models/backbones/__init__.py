"""Networks from image to feature map; module ``small`` is backbone ``small``."""
