"""The guard at the address: what a name resolves to is filtered, and every socket is checked before it connects.

The socket is the choke point: a resolver is not asked about IP literals. Filtering in the resolver too lets a name that
also has public addresses be called at those, and makes the outcome independent of their order.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from app.domain.outside import OutboundPolicy

_LOOKUP_THREADS = 256
"""A dead name server holds a thread for many seconds, one for each host that it serves (aiohttp asks once at a time for
a host); the others' lookups must not wait behind it. Threads are started when they are needed."""


class AddressRefused(OSError):
    """The policy forbids the address; an OSError, so that aiohttp carries it as the `os_error` of its own."""

    def __init__(self) -> None:
        super().__init__("address refused")


class ThreadsResolver(AbstractResolver):
    """Resolves by getaddrinfo in threads of its own (the loop's are few: six on two cores, four under uvloop)."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raise OSError if it has none."""
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._executor, look_up)
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=0)
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let go of the threads; a lookup under way ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Hands on those addresses of `inner` that `policy` allows."""

    def __init__(self, policy: OutboundPolicy, inner: AbstractResolver) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses of `host`; raise AddressRefused if it has only others."""
        found = await self._inner.resolve(host, port, family)
        if not found:
            raise OSError("the name has no address")
        allowed = [result for result in found if _is_allowed(self._policy, result["host"])]
        if not allowed:
            raise AddressRefused
        return allowed

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def guarded_socket(policy: OutboundPolicy) -> Callable[[AddrInfoType], socket.socket]:
    """Return a socket factory for aiohttp's connector that raises AddressRefused unless `policy` allows the address."""

    def open_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not _is_allowed(policy, str(address[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    return open_socket


def _is_allowed(policy: OutboundPolicy, address: str) -> bool:
    try:
        return policy.allows(ip_address(address))
    except ValueError:
        return False
