import { useRead } from '../api/read';
import { text } from '../text/text';
import { Choice } from './fields';

/** A label to filter by. */
export function LabelFilter({
  value,
  set,
}: {
  value: string | undefined;
  set: (label: string | undefined) => void;
}) {
  const labels = useRead(['labels', 'all'], (api) =>
    api.GET('/api/v1/labels', { params: { query: { limit: 1000 } } }),
  );
  const options = (labels.data?.items ?? []).map((label) => [label.id, label.name] as const);
  // A link may name the label by its name.
  const isNamed = value !== undefined && !options.some(([id]) => id === value);
  return (
    <Choice
      label={text.label.label}
      options={isNamed ? [[value, value], ...options] : options}
      value={value}
      set={set}
    />
  );
}
