import gc

import pytest

from app.adapters.memory import uncollected


def test_uncollected_lets_python_look_again_after_the_block_however_it_ends() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()
