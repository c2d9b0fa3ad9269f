# A package, so that its conftest is not mistaken for that of another folder in one run of pytest.
