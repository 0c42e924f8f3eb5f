import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

type Result = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>;

/** What is known of one test file while its results come in. */
interface FileResult {
  passed: number;
  failures: string[];
  output: string[];
  /** Tests that have tests inside them: they are not counted themselves. */
  parents: Set<number>;
}

/**
 * Counts the tests of a run and tells of each file in one line, of each failure in full. A skipped test or
 * one to be written counts as failed: a promise that nobody checks is not kept. What a file prints is shown
 * only where the file failed.
 */
export function createTestReport(deps: {
  write: (text: string) => void;
  root: string;
  /** Tests are chosen by name, so that a file may be left without one. */
  chosenByName: boolean;
}): {
  handle(event: TestEvent): void;
  counts(): TestCounts;
} {
  const files = new Map<string, FileResult>();
  const counts = { passed: 0, failed: 0 };

  function fileOf(path: string): FileResult {
    let file = files.get(path);
    if (!file) {
      file = { passed: 0, failures: [], output: [], parents: new Set() };
      files.set(path, file);
    }
    return file;
  }

  function record(event: Result): void {
    const { data } = event;
    const path = data.entryFile ?? data.file ?? data.name;
    const file = fileOf(path);
    if (data.parentId) file.parents.add(data.parentId);
    const wrapper = data.name === path;
    if (wrapper && deps.chosenByName && event.type === 'test:pass') {
      files.delete(path);
      return;
    }
    const verdict = judge(event, { parent: file.parents.has(data.testId), wrapper });
    if (verdict === 'passed') {
      file.passed += 1;
      counts.passed += 1;
    } else if (verdict !== null) {
      const title = wrapper
        ? data.name
        : `${data.name} (${relative(deps.root, data.file ?? path)}:${data.line})`;
      file.failures.push(`✖ ${title}\n${indent(verdict.why)}`);
      counts.failed += 1;
    }
    // A file that never got to its tests has no summary of its own.
    if (wrapper) close(path, data.details.duration_ms);
  }

  function close(path: string, durationMs: number): void {
    const file = fileOf(path);
    files.delete(path);
    const seconds = (durationMs / 1000).toFixed(1);
    const failed = file.failures.length ? `, ${file.failures.length} failed` : '';
    const sign = file.failures.length ? '✖' : '✔';
    deps.write(`${sign} ${relative(deps.root, path)}: ${file.passed} passed${failed} (${seconds} s)\n`);
    for (const failure of file.failures) deps.write(`${indent(failure)}\n`);
    if (file.failures.length && file.output.length) {
      deps.write(`${indent(`It printed:\n${file.output.join('').slice(-20_000)}`)}\n`);
    }
  }

  /** The run is over: files that were ended before their own summary have not been told of yet. */
  function closeAll(durationMs: number): void {
    for (const [path, { passed, failures }] of [...files]) {
      if (passed + failures.length > 0) close(path, durationMs);
    }
  }

  return {
    handle(event) {
      if (event.type === 'test:pass' || event.type === 'test:fail') record(event);
      else if (event.type === 'test:stdout' || event.type === 'test:stderr') {
        fileOf(event.data.file).output.push(event.data.message);
      } else if (event.type === 'test:diagnostic') {
        // What a test noted of itself: the seed to repeat it with, figures.
        const { file, message } = event.data;
        if (file) files.get(file)?.output.push(`${message}\n`);
      } else if (event.type === 'test:summary') {
        if (event.data.file) close(event.data.file, event.data.duration_ms);
        else closeAll(event.data.duration_ms);
      }
    },
    counts: () => ({ ...counts }),
  };
}

function judge(
  event: Result,
  is: { parent: boolean; wrapper: boolean },
): 'passed' | { readonly why: string } | null {
  const { data } = event;
  if (event.type === 'test:fail') {
    const error: Error & { failureType?: string } = event.data.details.error;
    if (error.failureType === 'subtestsFailed') return null;
    return { why: inspect(error.cause ?? error) };
  }
  if (data.skip !== undefined) return { why: 'It is skipped: no test is skipped in this house.' };
  if (data.todo !== undefined) return { why: 'It is still to be written.' };
  if (is.wrapper) return { why: 'There is no test in this file.' };
  return is.parent || data.details.type === 'suite' ? null : 'passed';
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
