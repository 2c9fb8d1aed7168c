"""Kinds of figures that show test images and their predictions; `draw(shown, options)` gives an SVG file's text."""
