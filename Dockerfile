# The flow, the producer and the small commands in one image; the command line picks one.
FROM python:3.12.11-slim-bookworm AS packages
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
       -r requirements.txt

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home processor \
    && install -d -o processor /state
COPY --from=packages /venv /venv
WORKDIR /app
COPY models.py settings.py logs.py ./
COPY connectors connectors
COPY operators operators
COPY dataflows dataflows
COPY producer producer
COPY dlq dlq
COPY deploy/run-flow.sh deploy/run-flow.sh
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER processor
VOLUME /state
# The shell makes way for Python, which is then process 1 and drains on SIGTERM.
CMD ["sh", "deploy/run-flow.sh", "/state"]
