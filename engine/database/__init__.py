"""PostgreSQL: the embedded server, its checks, migrations, campuses and pools of connections."""
