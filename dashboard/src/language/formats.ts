/** Numbers, sizes and times as the language writes them. */
export interface Formats {
  /** Bytes, in units of 1024 as the service counts them. */
  size(bytes: number): string;
  /** A share between 0 and 1. Never rounded up to the whole. */
  percent(share: number): string;
  /** The two largest units of a time in seconds. */
  duration(seconds: number): string;
  day(date: string): string;
  /** Time of today, else with its day. */
  moment(date: string): string;
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

export function createFormats(language: string): Formats {
  const unit = (value: number, name: string, digits: number, unitDisplay: 'short' | 'long' = 'short') =>
    new Intl.NumberFormat(language, {
      style: 'unit',
      unit: name,
      unitDisplay,
      maximumFractionDigits: digits,
    }).format(value);
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  const day = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'long', year: 'numeric' });
  const time = new Intl.DateTimeFormat(language, { hour: 'numeric', minute: '2-digit' });
  const both = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });

  return {
    size(bytes) {
      const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
      if (power === 0) return unit(Math.round(bytes), 'byte', 0, 'long');
      const value = bytes / 1024 ** power;
      return unit(value, UNITS[power] ?? 'byte', power > 1 && value < 100 ? 1 : 0);
    },
    percent: (share) => percent.format(Math.floor(share * 100) / 100),
    duration(seconds) {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return unit(whole, 'second', 0);
      const minutes = Math.round(whole / 60);
      if (minutes < 60) return unit(minutes, 'minute', 0);
      const hours = unit(Math.floor(minutes / 60), 'hour', 0);
      return minutes % 60 === 0 ? hours : `${hours} ${unit(minutes % 60, 'minute', 0)}`;
    },
    day: (date) => day.format(new Date(date)),
    moment(date) {
      const then = new Date(date);
      return then.toDateString() === new Date().toDateString() ? time.format(then) : both.format(then);
    },
  };
}
