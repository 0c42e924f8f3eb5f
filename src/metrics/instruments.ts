import { METRICS, type MetricDefinition, type MetricName } from './definitions.ts';

/**
 * Counters, gauges and histograms that cost next to nothing to move: prom-client makes an object and hashes all
 * labels with every observation, which shows on requests of 60 µs. Here a series is found once by its label values
 * and then is a number, or a row of numbers. What is read now and then (default metrics of the process, the sum over
 * workers, the text) is prom-client's.
 */

/** One value of a report, as prom-client has it. */
export interface SeriesValue {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  /** Where it is not the name of the metric: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
}

/** One metric with all its series, as prom-client has it. */
export interface MetricReport {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly SeriesValue[];
}

export interface Counter {
  add(amount: number): void;
}

export interface Gauge {
  set(value: number): void;
  /** Report nothing until it is set again. */
  clear(): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** The series of a metric, by the values of its labels in the order of the definition. */
export type Family<T> = (...labelValues: readonly string[]) => T;

interface Instrument {
  report(): MetricReport;
}

export interface Instruments {
  counter(name: MetricName): Family<Counter>;
  gauge(name: MetricName): Family<Gauge>;
  histogram(name: MetricName): Family<Histogram>;
  report(): MetricReport[];
}

export function createInstruments(): Instruments {
  const all = new Map<MetricName, Instrument>();

  function add<S extends Series, T>(
    name: MetricName,
    create: (definition: MetricDefinition) => S,
    face: (series: S) => T,
  ): Family<T> {
    const definition: MetricDefinition = METRICS[name];
    const family = createFamily(name, definition, () => create(definition), face);
    all.set(name, family);
    return family.of;
  }

  return {
    counter: once((name) => add(name, createNumber, counterOf)),
    gauge: once((name) => add(name, createNumber, gaugeOf)),
    histogram: once((name) => add(name, createBuckets, (series) => series)),
    report: () => [...all.values()].map((instrument) => instrument.report()),
  };
}

/** Whoever asks for a metric gets the same one. */
function once<T>(make: (name: MetricName) => Family<T>): (name: MetricName) => Family<T> {
  const made = new Map<MetricName, Family<T>>();
  return (name) => {
    const family = made.get(name) ?? make(name);
    made.set(name, family);
    return family;
  };
}

/** Where a series keeps what it counted. */
interface Series {
  values(name: string, labels: Readonly<Record<string, string>>): readonly SeriesValue[];
}

function createFamily<S extends Series, T>(
  name: MetricName,
  definition: MetricDefinition,
  create: () => S,
  face: (series: S) => T,
): Instrument & { readonly of: Family<T> } {
  const labelNames = Object.keys(definition.labels ?? {});
  const known = new Map<string, { readonly labels: Record<string, string>; series: S; face: T }>();

  function of(...labelValues: readonly string[]): T {
    const key = labelValues.length === 1 ? (labelValues[0] ?? '') : labelValues.join('\n');
    const found = known.get(key);
    if (found) return found.face;
    const labels = Object.fromEntries(labelNames.map((label, place) => [label, labelValues[place] ?? '']));
    const series = create();
    const made = { labels, series, face: face(series) };
    known.set(key, made);
    return made.face;
  }

  // A counter that appears with its first event has no rate before that; those whose values are known begin at zero.
  if (definition.type === 'counter') {
    for (const values of combinations(Object.values(definition.labels ?? {}))) of(...values);
  }

  return {
    of,
    report: () => ({
      name,
      help: definition.help,
      type: definition.type,
      aggregator: definition.aggregator ?? 'sum',
      values: [...known.values()].flatMap(({ labels, series }) => series.values(name, labels)),
    }),
  };
}

/** All label values of a metric with one label or none; of others most combinations never happen. */
function combinations(labels: readonly (readonly string[] | string)[]): readonly (readonly string[])[] {
  const [only] = labels;
  if (labels.length === 0) return [[]];
  return labels.length === 1 && typeof only === 'object' ? only.map((value) => [value]) : [];
}

interface NumberSeries extends Series {
  value: number | null;
}

function createNumber({ type }: MetricDefinition): NumberSeries {
  return {
    value: type === 'counter' ? 0 : null,
    values(_name, labels) {
      return this.value === null ? [] : [{ value: this.value, labels }];
    },
  };
}

function counterOf(series: NumberSeries): Counter {
  return {
    add(amount) {
      series.value = (series.value ?? 0) + amount;
    },
  };
}

function gaugeOf(series: NumberSeries): Gauge {
  return {
    set(value) {
      series.value = value;
    },
    clear() {
      series.value = null;
    },
  };
}

function createBuckets({ buckets = [] }: MetricDefinition): Histogram & Series {
  const counts = new Float64Array(buckets.length + 1);
  let sum = 0;
  return {
    observe(value) {
      let place = 0;
      // At most a dozen bounds, and most observations lie among the first.
      while (place < buckets.length && value > (buckets[place] ?? 0)) place += 1;
      counts[place] = (counts[place] ?? 0) + 1;
      sum += value;
    },

    values(name, labels) {
      let below = 0;
      const cumulative = [...buckets, '+Inf' as const].map((le, place) => {
        below += counts[place] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below };
      });
      return [
        ...cumulative,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: below },
      ];
    },
  };
}
