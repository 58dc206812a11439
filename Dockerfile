# docker build -t imgclf . && docker run --rm imgclf
FROM python:3.12-slim
COPY . /src
RUN pip install --no-cache-dir /src && rm -r /src
WORKDIR /work
ENTRYPOINT ["imgclf"]
CMD ["demo"]
