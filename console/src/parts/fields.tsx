import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useState } from 'react';

import { fromLocalInput, toLocalInput } from '../format/time';
import { text } from '../text/text';

const TYPING_MS = 300;

interface TextFilterProps {
  label: string;
  placeholder?: string;
  value: string | undefined;
  set: (value: string | undefined) => void;
}

/** A text to filter by; it counts once the typing rests. */
export function TextFilter({ label, placeholder, value, set }: TextFilterProps) {
  const [typed, setTyped] = useState(value ?? '');
  const settle = useDebouncedCallback((next: string) => set(next.trim() || undefined), TYPING_MS);
  useEffect(() => setTyped(value ?? ''), [value]);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={typed}
      type="search"
      autoComplete="off"
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        settle(event.currentTarget.value);
      }}
      // Before whatever was clicked: a filter that settles later would call back who has just left the page.
      onBlur={() => settle.flush()}
    />
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  /** What no choice means. */
  any?: string;
  options: readonly (readonly [T, string])[];
  value: T | undefined;
  set: (value: T | undefined) => void;
}

/** One of some words to filter by, or none of them. */
export function Choice<T extends string>({
  label,
  any = text.common.any,
  options,
  value,
  set,
}: ChoiceProps<T>) {
  return (
    <NativeSelect
      label={label}
      value={value ?? ''}
      data={[{ value: '', label: any }, ...options.map(([word, name]) => ({ value: word, label: name }))]}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        set(options.find(([word]) => word === chosen)?.[0]);
      }}
    />
  );
}

interface YesNoProps {
  label: string;
  value: boolean | undefined;
  set: (value: boolean | undefined) => void;
}

/** A filter that is on or left out. */
export function Toggle({ label, value, set }: YesNoProps) {
  return (
    <Checkbox
      className="toggle"
      label={label}
      checked={value ?? false}
      onChange={(event) => set(event.currentTarget.checked || undefined)}
    />
  );
}

interface InstantFieldProps {
  label: string;
  description?: string;
  value: string | undefined;
  set: (value: string | undefined) => void;
  error?: string;
  required?: boolean;
}

/** An instant, in the reader's time zone. */
export function InstantField({ label, description, value, set, error, required }: InstantFieldProps) {
  return (
    <TextInput
      type="datetime-local"
      label={label}
      description={description}
      value={toLocalInput(value)}
      error={error}
      required={required}
      onChange={(event) => set(fromLocalInput(event.currentTarget.value))}
    />
  );
}

/** At which instant a list is looked at; the present when it is empty. */
export function AsOf({
  value,
  set,
}: {
  value: string | undefined;
  set: (value: string | undefined) => void;
}) {
  return <InstantField label={text.common.asOf} value={value} set={set} />;
}
