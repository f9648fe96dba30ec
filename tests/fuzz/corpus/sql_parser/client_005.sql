BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + -2539 WHERE aid = 80417;
SELECT abalance FROM pgbench_accounts WHERE aid = 80417;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (4, 1, 80417, -2539, CURRENT_TIMESTAMP);
END;