import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Small tables are many small operations: a second thread only spins."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
