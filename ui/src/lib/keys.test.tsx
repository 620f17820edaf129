import { cleanup, fireEvent, render } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';

import { useKeys, type KeyMap } from './keys';

afterEach(cleanup);

function Page({ keys }: { keys: KeyMap }) {
  useKeys(keys);
  return (
    <>
      <button type="button">b</button>
      <input aria-label="text" />
      <input aria-label="box" type="checkbox" />
    </>
  );
}

function press(target: Element, key: string, at: number, more: object = {}) {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more });
  Object.defineProperty(event, 'timeStamp', { value: at });
  fireEvent(target, event);
}

test('a key works, also right after the page was opened', () => {
  const d = vi.fn();
  const gd = vi.fn();
  render(<Page keys={{ d, 'g d': gd }} />);
  press(document.body, 'd', 5);
  expect(d).toHaveBeenCalledTimes(1);
  expect(gd).not.toHaveBeenCalled();
});

test('g and a key within a second belong together', () => {
  const d = vi.fn();
  const gd = vi.fn();
  render(<Page keys={{ d, 'g d': gd }} />);
  press(document.body, 'g', 1000);
  press(document.body, 'd', 1900);
  expect(gd).toHaveBeenCalledTimes(1);
  press(document.body, 'd', 1950);
  expect(d).toHaveBeenCalledTimes(1);
  press(document.body, 'g', 3000);
  press(document.body, 'd', 4001);
  expect(d).toHaveBeenCalledTimes(2);
});

test('typing is left alone, a checkbox is not typing', () => {
  const a = vi.fn();
  const page = render(<Page keys={{ a }} />);
  press(page.getByLabelText('text'), 'a', 1);
  expect(a).not.toHaveBeenCalled();
  press(page.getByLabelText('box'), 'a', 2);
  expect(a).toHaveBeenCalledTimes(1);
});

test('with Control or Meta the browser has the key', () => {
  const a = vi.fn();
  render(<Page keys={{ a }} />);
  press(document.body, 'a', 1, { ctrlKey: true });
  press(document.body, 'a', 2, { metaKey: true });
  expect(a).not.toHaveBeenCalled();
});

test('an open dialog has the keyboard to itself', () => {
  const a = vi.fn();
  render(<Page keys={{ a }} />);
  const dialog = document.createElement('dialog');
  dialog.setAttribute('open', '');
  document.body.append(dialog);
  press(document.body, 'a', 1);
  dialog.remove();
  expect(a).not.toHaveBeenCalled();
});
