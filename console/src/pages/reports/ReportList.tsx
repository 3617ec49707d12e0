import { Button, Group, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asBytes } from '../../format/number';
import { Actor } from '../../parts/Actor';
import { Confirm } from '../../parts/Confirm';
import { Export, useSave } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { Choice } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { endOf, sentence, whileMade } from './spec';

const route = getRouteApi('/app/reports');
type Report = Schemas['Report'];

const columns: ColumnDef<Report>[] = [
  { id: 'name', header: text.common.name, cell: ({ row }) => row.original.name },
  {
    id: 'state',
    header: text.report.state,
    cell: ({ row }) => <State report={row.original} />,
  },
  {
    id: 'about',
    header: text.report.about,
    meta: { wide: true },
    cell: ({ row }) => sentence(row.original),
  },
  {
    id: 'format',
    header: text.report.format,
    meta: { wide: true },
    cell: ({ row }) => text.report.formats[row.original.format],
  },
  {
    id: 'created',
    header: text.report.asOf,
    cell: ({ row }) => <Moment at={row.original.finished_at ?? row.original.created_at} />,
  },
  {
    id: 'by',
    header: text.report.by,
    meta: { wide: true },
    cell: ({ row }) =>
      row.original.schedule == null ? (
        <Actor word={row.original.created_by} name={row.original.created_by_name} />
      ) : (
        text.report.bySchedule
      ),
  },
  {
    id: 'expires',
    header: text.report.expires,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.expires_at} as="day" />,
  },
  { id: 'actions', header: text.common.actions, cell: ({ row }) => <Actions report={row.original} /> },
];

/** How far a report is, in words. */
function State({ report }: { report: Report }) {
  switch (report.state) {
    case 'done':
      return (
        <Text size="sm">
          {text.report.records(report.records)}, {asBytes(report.bytes)}
        </Text>
      );
    case 'waiting':
      return <span className="severity">{text.report.waiting}</span>;
    case 'cancelled':
      return <span className="severity">{report.error}</span>;
    case 'failed':
      return (
        <>
          <span className="severity severity-high">{text.report.failed}</span>{' '}
          <Text size="sm">{report.error}</Text>
        </>
      );
  }
}

function Actions({ report }: { report: Report }) {
  const { may } = useSession();
  const { save, isRunning } = useSave();
  const remove = useWrite(
    (api, id: string) => api.DELETE('/api/v1/reports/{report}', { params: { path: { report: id } } }),
    { done: text.report.deleted },
  );
  return (
    <Group gap={6}>
      {report.state === 'done' && may('inventory:export') && (
        <Button
          variant="default"
          size="compact-sm"
          loading={isRunning}
          aria-label={text.report.downloadOf(report.name)}
          onClick={() =>
            save(`/api/v1/reports/${report.id}/file`, {}, `${report.name}.${endOf(report.format)}`)
          }
        >
          {text.report.download}
        </Button>
      )}
      {may('reports:manage') && (
        <Confirm
          size="compact-sm"
          label={text.common.delete}
          of={report.name}
          detail={text.report.deleteDetail(report.name)}
          onConfirm={() => remove.mutate(report.id)}
        />
      )}
    </Group>
  );
}

/** The reports that there are, the newest first. */
export function ReportList() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { page_token: search.page_token, limit: search.limit, schedule: search.schedule };
  const read = useRead(['reports', query], (api) => api.GET('/api/v1/reports', { params: { query } }), {
    every: (page) => whileMade(page?.items),
  });
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const isFiltered = search.schedule !== undefined;
  return (
    <>
      <Filters clear={isFiltered ? () => set({ schedule: undefined }) : undefined}>
        <ScheduleFilter value={search.schedule} set={(schedule) => set({ schedule })} />
      </Filters>
      <ListView
        label={text.nav.reports}
        read={read}
        columns={columns}
        rowId={(report) => report.id}
        search={search}
        set={set}
        actions={
          <Export path="/api/v1/reports/export" query={{ schedule: search.schedule }} name="reports" />
        }
        empty={
          <Notice title={isFiltered ? text.report.noneFound : text.report.none}>
            {isFiltered ? text.common.noneFoundDetail : text.report.noneDetail}
          </Notice>
        }
      />
    </>
  );
}

/** The schedule that reports were made by. */
function ScheduleFilter({
  value,
  set,
}: {
  value: string | undefined;
  set: (schedule: string | undefined) => void;
}) {
  const schedules = useRead(['report-schedules', 'all'], (api) =>
    api.GET('/api/v1/report-schedules', { params: { query: { limit: 1000 } } }),
  );
  const options = (schedules.data?.items ?? []).map((one) => [one.id, one.name] as const);
  // Its reports stay when a schedule is deleted.
  const isGone = value !== undefined && !options.some(([id]) => id === value);
  return (
    <Choice
      label={text.report.schedule}
      options={isGone ? [[value, value], ...options] : options}
      value={value}
      set={set}
    />
  );
}
