"""How the models are run: histories from seeds, with and without a rule, in one process or in several.

A model is a class World(seed, off), `off` the names of the rules that are left out, with run(), which raises Violation,
and count, a Counter of what happened; with RULES, a text for each rule, and KNOWN, seeds at which `--brief` has to
notice that a rule is missing; under None there may be those of the full protocol."""
import argparse
import collections
import multiprocessing
import sys


class Violation(Exception):
    pass


def told(count):
    return ', '.join('%d %s' % (v, k) for k, v in sorted(count.items()))


class Histories:
    """The command line of a model; ends the process."""

    def __init__(self, doc, world, rules, known):
        self.doc, self.world, self.rules, self.known = doc, world, rules, known

    def one(self, job):
        seed, off = job
        w = self.world(seed, off)
        try:
            w.run()
            name = None
        except Violation as e:
            name = str(e)
        return name, w.count, seed

    def campaign(self, pool, seeds, off):
        kinds, count, first = collections.Counter(), collections.Counter(), []
        for name, n, seed in pool.imap(self.one, ((s, off) for s in seeds), 2):
            count.update(n)
            if name:
                kinds[name] += 1
                first = (first + [seed])[:2]
        return kinds, count, first

    def table(self, pool, seeds, rules, enough):
        print('| without | rule | violating / histories | kinds | first seeds |\n|---|---|---|---|---|')
        bad = 0
        for rule in rules:
            off, done, kinds, first = frozenset([rule] if rule else []), 0, collections.Counter(), []
            count = collections.Counter()
            for k in range(0, len(seeds), 20):
                found, n, where = self.campaign(pool, seeds[k:k + 20], off)
                kinds.update(found)
                count.update(n)
                first, done = (first + where)[:2], done + len(seeds[k:k + 20])
                if rule and sum(kinds.values()) >= enough:
                    break
            n = sum(kinds.values())
            bad += n if rule is None else 0
            print('| %s | %s | %d / %d | %s | %s |' % (
                '`%s`' % rule if rule else 'nothing', self.rules[rule] if rule else told(count), n, done,
                ', '.join('%s %d' % x for x in kinds.most_common()) or '-', ', '.join(map(str, first)) or '-'), flush=True)
        return bad

    def brief(self):
        """Few seeds in one process: everything of the full protocol passes, every rule that is missing is noticed."""
        failed = False
        for rule in [None] + list(self.rules):
            seeds = self.known.get(rule, () if rule else range(1, 26))
            if rule and not seeds:
                continue                                       # README.md says why none is known
            bad = sum(1 for s in seeds if self.one((s, frozenset([rule] if rule else [])))[0])
            good = bad == 0 if rule is None else bad > 0
            failed |= not good
            print('%-24s %d of %d%s' % (rule or 'full protocol', bad, len(seeds), '' if good else '  <- wrong'))
        return failed

    def arguments(self):
        ap = argparse.ArgumentParser(description=self.doc.split('\n')[0])
        ap.add_argument('--histories', type=int, default=1000)
        ap.add_argument('--seed', type=int, default=1)
        ap.add_argument('--without', action='append', default=[], choices=list(self.rules), metavar='RULE')
        ap.add_argument('--table', action='store_true')
        ap.add_argument('--enough', type=int, default=2, help='of --table: go on to the next rule after so many')
        ap.add_argument('--brief', action='store_true')
        ap.add_argument('--show', action='store_true')
        ap.add_argument('--jobs', type=int, default=multiprocessing.cpu_count())
        return ap.parse_args()

    def run(self):
        a = self.arguments()
        if a.brief:
            return self.brief()
        seeds = range(a.seed, a.seed + a.histories)
        if a.show:
            for s in seeds:
                name, count, _ = self.one((s, frozenset(a.without)))
                print(s, name, told(count))
            return 0
        with multiprocessing.Pool(a.jobs) as pool:
            if a.table:
                return self.table(pool, seeds, a.without or [None] + list(self.rules), a.enough) > 0
            kinds, count, first = self.campaign(pool, seeds, frozenset(a.without))
            print('without %s: %d of %d rejected %s first %s; %s' % (
                ' '.join(a.without) or 'nothing', sum(kinds.values()), a.histories, dict(kinds), first, told(count)))
            return sum(kinds.values()) > 0 and not a.without


def main(doc, world, rules, known):
    sys.exit(Histories(doc, world, rules, known).run())
