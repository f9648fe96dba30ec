# What pools of connections ask for before they give a connection to somebody else.

SELECT pg_advisory_unlock_all()
----
pg_advisory_unlock_all void
|  |
SELECT 1

UNLISTEN *
----
UNLISTEN

RESET ALL
----
RESET

DISCARD ALL
----
DISCARD ALL
