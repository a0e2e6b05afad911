# One image for every process; compose.yaml and the Procfile say which of them a container runs.
FROM python:3.11-slim

ENV PATH=/srv/vestibule/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/vestibule

# The locked packages are a layer of their own: they change less often than the sources.
COPY requirements.lock ./
RUN python -m venv .venv && pip install --no-cache-dir --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md Procfile ./
COPY app ./app
COPY workers ./workers
COPY migrations ./migrations
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && useradd --system --no-create-home vestibule \
    && install --directory --owner vestibule --mode 700 .vestibule
USER vestibule

EXPOSE 8080
CMD ["vestibule", "web"]
