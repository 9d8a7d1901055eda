"""A policy behind a WebSocket, in the wire format of openpi's client, and clients for it. Needs the extra "serve"."""

try:
    import msgpack  # noqa: F401
    import websockets  # noqa: F401
except ImportError as error:
    raise ImportError(f'serving needs {error.name}: pip install "wam[serve]"') from error

from wam.serve.asynchronous import AsyncRemotePolicy as AsyncRemotePolicy
from wam.serve.keys import Keys as Keys
from wam.serve.keys import RequestError as RequestError
from wam.serve.limits import Limits as Limits
from wam.serve.link import Backoff as Backoff
from wam.serve.link import LinkLost as LinkLost
from wam.serve.link import RemoteError as RemoteError
from wam.serve.remote import RemotePolicy as RemotePolicy
from wam.serve.server import PolicyServer as PolicyServer
from wam.serve.session import Session as Session
from wam.serve.wire import pack as pack
from wam.serve.wire import unpack as unpack
