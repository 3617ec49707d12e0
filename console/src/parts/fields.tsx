import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';

import { fromLocalInput, isYearWhole, toLocalInput } from '../format/time';
import { text } from '../text/text';
import { useClears } from './Filters';

const TYPING_MS = 300;
/** A date is typed in parts, with looks at a calendar between them. */
const DATE_MS = 1_000;

interface TextFilterProps {
  label: string;
  placeholder?: string;
  value: string | undefined;
  set: (value: string | undefined) => void;
  /** What is wrong with a text by which nothing can be filtered; nothing where it can. */
  check?: (value: string) => string | undefined;
}

/**
 * A text to filter by; it counts once the typing rests. What is no filter is in force no more than it looks: the field says
 * so. Only what comes from elsewhere is written into the field.
 */
export function TextFilter({ label, placeholder, value, set, check }: TextFilterProps) {
  const [typed, setTyped] = useState(value ?? '');
  const [settled, setSettled] = useState(value);
  const told = useRef(value);
  const wrongOf = (word: string | undefined) => (word === undefined ? undefined : check?.(word));
  const settle = useDebouncedCallback((next: string) => {
    const word = next.trim() || undefined;
    const counts = wrongOf(word) === undefined ? word : undefined;
    setSettled(word);
    if (counts === told.current) return;
    told.current = counts;
    set(counts);
  }, TYPING_MS);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setTyped(value ?? '');
    setSettled(value);
  }, [value]);
  useClears(() => {
    settle.cancel();
    told.current = undefined;
    setTyped('');
    setSettled(undefined);
  });
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={typed}
      error={wrongOf(settled)}
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

/** What stands in a field for an instant: what is typed there, until another one is set from elsewhere. */
function useTyped(value: string | undefined) {
  const [typed, setTyped] = useState(() => toLocalInput(value));
  const told = useRef(value);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setTyped(toLocalInput(value));
  }, [value]);
  return { typed, setTyped, told };
}

/**
 * An instant in a form, in the reader's time zone. Every one that is typed counts: an unlikely year is the server's to
 * refuse, and never no instant.
 */
export function InstantField({ label, description, value, set, error, required }: InstantFieldProps) {
  const { typed, setTyped, told } = useTyped(value);
  return (
    <TextInput
      type="datetime-local"
      label={label}
      description={description}
      value={typed}
      error={error}
      required={required}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        told.current = fromLocalInput(event.currentTarget.value);
        set(told.current);
      }}
    />
  );
}

type InstantFilterProps = Pick<InstantFieldProps, 'label' | 'value' | 'set'>;

/** An instant to filter by, in the reader's time zone; it counts once it is whole and the typing rests. */
export function InstantFilter({ label, value, set }: InstantFilterProps) {
  const { typed, setTyped, told } = useTyped(value);
  const [wrong, setWrong] = useState<string>();
  const settle = useDebouncedCallback((next: string, isPart: boolean) => {
    const at = isYearWhole(next) ? fromLocalInput(next) : undefined;
    setWrong(isPart || (next !== '' && at === undefined) ? text.common.wholeInstant : undefined);
    if (at === told.current) return;
    told.current = at;
    set(at);
  }, DATE_MS);
  // The browser keeps the parts of a date that is not whole until the field is another one.
  const clears = useClears(() => {
    settle.cancel();
    told.current = undefined;
    setTyped('');
    setWrong(undefined);
  });
  return (
    <TextInput
      key={clears}
      type="datetime-local"
      label={label}
      value={typed}
      error={wrong}
      onChange={(event) => {
        const { value: next, validity } = event.currentTarget;
        setTyped(next);
        settle(next, validity.badInput);
      }}
      onBlur={() => settle.flush()}
    />
  );
}

/** At which instant a list is looked at; the present when it is empty. */
export function AsOf({ value, set }: Omit<InstantFilterProps, 'label'>) {
  return <InstantFilter label={text.common.asOf} value={value} set={set} />;
}
