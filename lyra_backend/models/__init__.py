"""Networks and what they are fed with, for torch: the Gaussian decoder, the video diffusion model, cameras and rays.

Does: turn tensors into tensors, and load and save weights as diffusers does. Does not: know requests, runs or USD.
"""

import logging

#: What diffusers and torch say, by logger, when diffusers is imported beside torchao, whatever torchao is used for:
#: torchao tells torch of types that it knows already, and diffusers looks for types that torchao no longer has.
_IMPORT_TALK = {
    "torch.utils._pytree": "is an Enum subclass and is now natively supported",
    "diffusers.quantizers.torchao.torchao_quantizer": "Unable to import `torchao` Tensor objects",
}


def _says_something(record: logging.LogRecord) -> bool:
    return _IMPORT_TALK[record.name] not in record.getMessage()


for _name in _IMPORT_TALK:
    logging.getLogger(_name).addFilter(_says_something)
