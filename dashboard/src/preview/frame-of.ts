/** Longest wait for the browser to show something, in milliseconds. */
const PATIENCE_MS = 5000;
/** Where to look, in seconds: the very first picture is often black. */
const MOMENT_S = 1;

/**
 * A square picture out of the video, or null where the browser cannot play it. It reads as much of the file as it
 * takes to show one picture, whatever the file's size.
 *
 * @param side in device pixels.
 */
export async function frameOf(file: File, side: number): Promise<ImageBitmap | null> {
  const url = URL.createObjectURL(file);
  const video = document.createElement('video');
  video.muted = true;
  video.preload = 'auto';
  try {
    video.src = url;
    await happens(video, 'loadeddata');
    if (video.videoWidth === 0) return null;
    video.currentTime = Math.min(MOMENT_S, video.duration / 3 || 0);
    await happens(video, 'seeked');
    const edge = Math.min(video.videoWidth, video.videoHeight);
    const x = (video.videoWidth - edge) / 2;
    const y = (video.videoHeight - edge) / 2;
    return await createImageBitmap(video, x, y, edge, edge, { resizeWidth: side, resizeHeight: side });
  } catch {
    return null;
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  }
}

function happens(video: HTMLVideoElement, name: 'loadeddata' | 'seeked'): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} in time`)), PATIENCE_MS);
    video.addEventListener(name, () => resolve(), { once: true });
    video.addEventListener('error', () => reject(new Error('not to be played here')), { once: true });
    video.addEventListener(name, () => clearTimeout(timer), { once: true });
    video.addEventListener('error', () => clearTimeout(timer), { once: true });
  });
}
