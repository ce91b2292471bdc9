"""The training of a decoder of any size: a teacher's data of pictures or videos, and recipes on them."""
