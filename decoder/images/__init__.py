"""Pictures straight from responses: shapes, mixtures of training pictures, a learned painter.

For trials x voxels with the picture of every trial, where pictures are figures on a plain ground
(digits, letters, symbols). `decoder.images.reconstruct.PictureDecoder` is the door.
"""
