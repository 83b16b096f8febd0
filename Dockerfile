# Only Debian and PyPI: the same Python, lock and command as `make run`.
FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/run.txt requirements/
RUN python3 -m venv /opt/metergate \
 && /opt/metergate/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY metergate metergate
COPY register_maps register_maps
COPY sims sims
RUN /opt/metergate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends mosquitto python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/metergate --create-home metergate
COPY --from=build /opt/metergate /opt/metergate
ENV PATH=/opt/metergate/bin:$PATH PYTHONUNBUFFERED=1
USER metergate
WORKDIR /var/lib/metergate
VOLUME /var/lib/metergate
EXPOSE 5020/tcp 8080/tcp 47808/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["metergate"]
CMD ["run", "--host", "0.0.0.0", "--state", "/var/lib/metergate"]
