import { ON_HOSTS } from '../app/searches';
import { text } from '../text/text';
import { Choice } from './fields';

interface OnHostsProps {
  value: (typeof ON_HOSTS)[number] | undefined;
  set: (value: (typeof ON_HOSTS)[number] | undefined) => void;
}

/** Whether what no host has any more is shown; it threatens nobody, and is left out unless somebody wants it. */
export function OnHosts({ value, set }: OnHostsProps) {
  return (
    <Choice
      label={text.finding.onHosts}
      any={text.finding.onHostsNow}
      options={ON_HOSTS.map((one) => [one, text.finding.onHostsOf[one]] as const)}
      value={value}
      set={set}
    />
  );
}
