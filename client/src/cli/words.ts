import type { UploadSnapshot } from '../upload/snapshot.ts';

/** 1024-based, three digits: `1.46 GB`, `512 B`. */
export function bytesInWords(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `4 s`, `2 min 5 s`, `1 h 3 min`. */
export function secondsInWords(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What an upload is at, in one phrase. */
export function stateInWords(upload: UploadSnapshot): string {
  if (upload.retry) {
    const seconds = ((upload.retry.retryAt ?? Date.now()) - Date.now()) / 1000;
    return upload.retry.reason === 'offline'
      ? 'offline, goes on with the network'
      : `${upload.retry.error.message} Trying again in ${secondsInWords(seconds)}`;
  }
  switch (upload.state) {
    case 'uploading': {
      const speed = upload.bytesPerSecond === null ? '' : `${bytesInWords(upload.bytesPerSecond)}/s`;
      const left = upload.secondsLeft === null ? '' : `, ${secondsInWords(upload.secondsLeft)} left`;
      return speed + left || (upload.session?.resumed ? 'resuming' : 'starting');
    }
    case 'hashing':
      return 'reading';
    case 'done':
      return 'done';
    case 'failed':
    case 'expired':
    case 'cancelled':
      return upload.error?.message ?? upload.state;
    default:
      return upload.state;
  }
}

/** 0 … 1. Hashing has a bar of its own. */
export function fraction(upload: UploadSnapshot): number {
  if (upload.bytesTotal === 0) return upload.state === 'done' ? 1 : 0;
  const bytes = upload.state === 'hashing' ? upload.bytesHashed : upload.bytesUploaded;
  return Math.min(1, bytes / upload.bytesTotal);
}
