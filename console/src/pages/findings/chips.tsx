import { useRead } from '../../api/read';
import { FilterChip, shortId } from '../../parts/FilterChip';
import { text } from '../../text/text';
import { aboutOf } from '../exceptions/words';

interface ChipProps {
  id: string;
  remove: () => void;
}

/** That only the findings of a host are listed. */
export function HostChip({ id, remove }: ChipProps) {
  const { data } = useRead(['host', id], (api) =>
    api.GET('/api/v1/hosts/{host}', { params: { path: { host: id } } }),
  );
  return <FilterChip label={text.host.host} name={data?.hostname ?? shortId(id)} remove={remove} />;
}

/** That only the findings are listed that an exception leaves out. */
export function ExceptionChip({ id, remove }: ChipProps) {
  const { data } = useRead(['exception', id], (api) =>
    api.GET('/api/v1/exceptions/{exception}', { params: { path: { exception: id } } }),
  );
  return (
    <FilterChip label={text.exception.one} name={data ? aboutOf(data.rule) : shortId(id)} remove={remove} />
  );
}
