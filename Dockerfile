# Two images, small and of an unprivileged user:
#   docker build .                       the flow, the producer and the small commands
#   docker build --target dashboard .    the live page
FROM python:3.12.16-slim-trixie AS python
RUN useradd --uid 10001 --no-create-home processor
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

FROM python AS packages
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
       -r requirements.txt

FROM python AS dashboard-packages
COPY requirements-dashboard.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
       -r requirements-dashboard.txt

FROM python AS dashboard
COPY --from=dashboard-packages /venv /venv
COPY models.py records.py settings.py logs.py background.py console.py signals.py ./
COPY connectors connectors
COPY operators operators
COPY insights insights
COPY dashboard dashboard
USER processor
CMD ["python", "-m", "dashboard"]

# The last one is what docker build makes.
FROM python AS processor
RUN install -d -o processor /state
COPY --from=packages /venv /venv
COPY models.py records.py settings.py logs.py background.py console.py signals.py file_lock.py ./
COPY connectors connectors
COPY operators operators
COPY monitoring monitoring
COPY terminal terminal
COPY dataflows dataflows
COPY producer producer
COPY insights insights
COPY dlq dlq
COPY deploy/run-flow.sh deploy/run-process.sh deploy/
USER processor
VOLUME /state
# The shell makes way for Python, which is then process 1 and drains on SIGTERM.
CMD ["sh", "deploy/run-flow.sh", "/state"]
