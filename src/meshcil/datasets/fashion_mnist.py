"""Fashion-MNIST (Xiao et al. 2017): MNIST's files with clothes in place of digits, as Debian packages them.

Tree: ``{train,t10k}-{images-idx3,labels-idx1}-ubyte``, packed (.gz) or not.
"""

from meshcil.datasets import mnist

NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")


class Reader(mnist.Reader):
    """The files lie in the root itself."""

    folder, names = "", NAMES
