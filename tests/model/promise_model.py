#!/usr/bin/env python3
"""Random model of reads of the past at replicas (txn/README.md, Reads of the past), with a checker.

One history = one seed: ranges that are written, prepared in, split and led by one after the other; replicas that apply late, hold promises
and serve reads at or below them. Steps are drawn one by one; the master's clock goes on with each. Every rule is a switch (RULES).

  python3 promise_model.py --histories 20000           full protocol: no history may be rejected
  python3 promise_model.py --without held              one rule less (repeatable)
  python3 promise_model.py --histories 500 --table --enough 500    each rule in turn, a Markdown table
  python3 promise_model.py --brief                     the test: 0 for the full protocol, > 0 for each rule

Modelled: clocks with bounds, floors and `high`, commits in flight and held ones, intents and what becomes of them at or above their lb, leader changes
that lose a part of the tail that is not committed, deposed leaders that go on with what they had begun, splits with a latch, replicas that apply any
committed prefix, promises that arrive late and out of order. Leadership is confirmed in an instant, and logs travel whole: what leases and
Raft do is modelled elsewhere. Not modelled: merges, moves, snapshots, garbage collection.

Checked: what a replica showed at ts is what all that was ever committed says was there at ts; no version was shown that the clock had not passed.
"""
import collections
import random

from histories import Violation, main

RULES = {
    'floor': 'the leader raises its floor to what it promises',
    'held': 'a promise waits for commits that have their timestamp and no entry',
    'confirm': 'leadership is confirmed behind the timestamp',
    'leader_floor': 'a new leader takes its floor from a later reading, and from its log',
    'index': 'a promise is in force where its index is applied',
    'proposed': 'which is the last that was proposed, not the last that is committed',
    'intents': 'a reader meets intents at or below its timestamp',
    'gate': 'the answer leaves when the clock is past it',
}
# Seeds at which `--brief` has to see a violation without the rule: the first ones.
KNOWN = {
    None: range(1, 801),
    'floor': (147, 385), 'held': (18, 20), 'confirm': (31, 71), 'leader_floor': (4, 203), 'index': (1, 4), 'proposed': (1, 7), 'intents': (6, 10),
    'gate': (211, 303),
}
WIDTH = 16
STEPS = 260
Entry = collections.namedtuple('Entry', 'kind key ct txn')
Promise = collections.namedtuple('Promise', 'ts index')


class Leader:
    def __init__(self, group, log, floor, high):
        self.group, self.log, self.floor, self.high = group, log, floor, high
        self.held, self.latch, self.waiting = [], None, []


class Group:
    def __init__(self, keys, base):
        self.keys, self.base, self.log, self.commit = keys, base, [], 0
        self.leader = None
        self.replicas = [{'applied': 0, 'now': None} for _ in range(2)]
        self.split_at = None          # index behind the entry that divided it


class World:
    def __init__(self, seed, without):
        self.r = random.Random(seed)
        self.without = without
        self.m = 100
        self.next_txn = 1
        self.reads, self.messages, self.deposed, self.shown_early = [], [], [], 0
        self.lbs = {}                  # txn -> lb, key: what is prepared and not resolved
        self.groups = [Group([1, 2, 3, 4, 5, 6], {})]
        self.elect(self.groups[0], None)

    def on(self, rule):
        return rule not in self.without

    def upper(self):
        return self.m + self.r.randint(1, WIDTH)

    def lower(self):
        return self.m - self.r.randint(0, WIDTH)

    def elect(self, g, floor_least):
        old = g.leader
        kept = g.commit + (self.r.randint(0, len(g.log) - g.commit) if old else 0)
        log = g.log[:kept]
        high = max([e.ct for e in log] + [v for vs in g.base.values() for v in vs] + [0])
        floor = max(self.upper() + WIDTH, high)
        if not self.on('leader_floor'):
            floor = 0
        if floor_least is not None:
            floor = max(floor, floor_least)
        if old:
            self.deposed.append(old)
        g.leader = Leader(g, log, floor, high)
        g.log = log
        self.commit_to(g, len(log))     # an entry of its own term is applied before it serves anybody

    # ---- the leader ----

    def pick(self, l):
        l.high = max(self.upper(), l.floor + 1, l.high + 1)
        return l.high

    def blocked(self, l, key):
        return l.latch is not None and key >= l.latch

    def prepared_on(self, l, key):
        open_txns = {e.txn for e in l.log if e.kind == 'prepare' and e.key == key}
        return open_txns - {e.txn for e in l.log if e.kind == 'resolve'} or any(h.key == key for h in l.held)

    def write(self, g):
        if not g.keys:
            return
        l, key = g.leader, self.r.choice(g.keys)
        if self.blocked(l, key) or self.prepared_on(l, key):
            return
        kind = self.r.choice(['write', 'write', 'hold', 'prepare'])
        e = Entry('prepare' if kind == 'prepare' else 'write', key, self.pick(l), self.next_txn)
        self.next_txn += 1
        if kind == 'hold':
            l.held.append(e)
        else:
            l.log.append(e)

    def unhold(self, g):
        l = g.leader
        if not l.held:
            return
        e = l.held.pop(self.r.randrange(len(l.held)))
        if not self.blocked(l, e.key) and self.r.random() < 0.8:
            l.log.append(e)

    def resolve(self, g):
        l = g.leader
        done = {e.txn for e in l.log if e.kind == 'resolve'}
        ripe = [e for e in l.log[:g.commit] if e.kind == 'prepare' and e.txn not in done and e.key in g.keys and not self.blocked(l, e.key)]
        if ripe:
            e = self.r.choice(ripe)
            ct = 0 if self.r.random() < 0.3 else e.ct + self.r.choice([0, 1, 3, 10])
            l.log.append(Entry('resolve', e.key, ct, e.txn))
            l.high = max(l.high, ct)

    def split(self, g):
        l = g.leader
        if l.latch is None and g.split_at is None and len(g.keys) > 1 and len(self.groups) < 5:
            l.latch = self.r.choice(g.keys[1:])
            l.log.append(Entry('split', l.latch, 0, max(l.floor, l.high)))

    def promise(self, g):
        """Takes a timestamp; leadership is looked at before or behind it."""
        l = g.leader if self.r.random() < 0.9 or not self.deposed else self.r.choice(self.deposed)
        ts = self.upper()
        l.waiting.append([ts, l is l.group.leader, self.r.randrange(2), None])

    def go_on(self, l):
        for w in list(l.waiting):
            ts, confirmed, replica, index = w
            if not confirmed and self.on('confirm'):
                l.waiting.remove(w)
                continue
            if index is None:           # one step: the floor, and the end of the log
                if self.on('floor'):
                    l.floor = max(l.floor, ts)
                if self.on('held') and any(h.ct <= ts for h in l.held):
                    continue
                w[3] = index = len(l.log) if self.on('proposed') else min(l.group.commit, len(l.log))
            if self.on('gate') and self.lower() <= ts:
                continue
            self.messages.append((l.group, replica, Promise(ts, index)))
            l.waiting.remove(w)

    # ---- replicas ----

    def state_of(self, g, upto):
        versions, intents = {k: list(v) for k, v in g.base.items()}, {}
        for e in g.log[:upto]:
            if e.kind == 'write':
                versions.setdefault(e.key, []).append(e.ct)
            elif e.kind == 'prepare':
                intents[e.key] = e.ct
            elif e.kind == 'resolve':
                intents.pop(e.key, None)
                if e.ct:
                    versions.setdefault(e.key, []).append(e.ct)
        return versions, intents

    def apply(self, g):
        rep = self.r.choice(g.replicas)
        rep['applied'] = self.r.randint(rep['applied'], g.commit)

    def arrive(self):
        if self.messages:
            g, n, p = self.messages.pop(self.r.randrange(len(self.messages)))
            rep = g.replicas[n]
            if rep['now'] is None or p.ts > rep['now'].ts:
                rep['now'] = p

    def read(self, g):
        rep = self.r.choice(g.replicas)
        p = rep['now']
        if p is None or (self.on('index') and rep['applied'] < p.index):
            return
        keys = g.keys
        if g.split_at is not None and rep['applied'] >= g.split_at[0]:
            keys = [k for k in g.keys if k < g.split_at[1]]
        if not keys:
            return
        key, ts = self.r.choice(keys), p.ts - self.r.choice([0, 0, 1, 5])
        versions, intents = self.state_of(g, rep['applied'])
        if self.on('intents') and intents.get(key, ts + 1) <= ts:
            return
        seen = max([v for v in versions.get(key, []) if v <= ts] + [0])
        self.shown_early += seen >= self.m
        self.reads.append((key, ts, seen))

    # ---- the log ----

    def advance(self, g):
        self.commit_to(g, self.r.randint(g.commit, len(g.leader.log)))

    def commit_to(self, g, upto):
        before, g.commit = g.commit, upto
        g.log = g.leader.log
        for i in range(before, g.commit):
            e = g.log[i]
            if e.kind == 'split':
                self.divide(g, i, e)

    def divide(self, g, i, e):
        versions, intents = self.state_of(g, i + 1)
        right = Group([k for k in g.keys if k >= e.key], {k: v for k, v in versions.items() if k >= e.key})
        right.log = [Entry('prepare', k, lb, -k) for k, lb in intents.items() if k >= e.key]
        names = {x.key: x.txn for x in g.log[:i + 1] if x.kind == 'prepare'}
        right.log = [x._replace(txn=names[x.key]) for x in right.log]
        right.commit = len(right.log)
        self.elect(right, e.txn)        # which it carries: floor and high of the left side's leader
        g.split_at = (i + 1, e.key)
        g.leader.latch = None
        g.leader.held = [h for h in g.leader.held if h.key < e.key]
        g.keys = [k for k in g.keys if k < e.key]
        self.groups.append(right)

    def step(self):
        self.m += self.r.choice([0, 0, 0, 1, 2])
        g = self.r.choice(self.groups)
        act = self.r.choices(['write', 'unhold', 'resolve', 'promise', 'go', 'apply', 'arrive', 'read', 'advance', 'elect', 'split'],
                             [14, 6, 6, 12, 16, 16, 14, 16, 18, 2, 4])[0]
        if act == 'write':
            self.write(g)
        elif act == 'unhold':
            self.unhold(g)
        elif act == 'resolve':
            self.resolve(g)
        elif act == 'promise':
            self.promise(g)
        elif act == 'go':
            for l in [x.leader for x in self.groups] + self.deposed[-2:]:
                self.go_on(l)
        elif act == 'apply':
            self.apply(g)
        elif act == 'arrive':
            self.arrive()
        elif act == 'read':
            self.read(g)
        elif act == 'advance':
            self.advance(g)
        elif act == 'elect':
            self.elect(g, None)
        else:
            self.split(g)

    def check(self):
        final = collections.defaultdict(set)
        for g in self.groups:
            g.commit = len(g.leader.log)
            g.log = g.leader.log
            for k, vs in self.state_of(g, g.commit)[0].items():
                final[k].update(vs)
        for key, ts, seen in self.reads:
            if max([v for v in final[key] if v <= ts] + [0]) != seen:
                raise Violation('wrong value')
        if self.shown_early:
            raise Violation('shown early')

    @property
    def count(self):
        return collections.Counter({'reads': len(self.reads)})

    def run(self):
        for _ in range(STEPS):
            self.step()
        self.check()


if __name__ == '__main__':
    main(__doc__, World, RULES, KNOWN)
