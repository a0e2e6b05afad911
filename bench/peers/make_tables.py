"""Makes the peers' table in the database of PEER_DATABASE_URL."""

from sqlalchemy import create_engine

from bench.peers.tables import METADATA, database_url

if __name__ == "__main__":
    METADATA.create_all(create_engine(database_url("psycopg")))
