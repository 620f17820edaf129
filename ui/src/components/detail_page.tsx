// What the pages of one thing share: the way back, its id, waiting and failing.
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';

import { Icon } from './icon';
import { ErrorNotice, Loading } from './notices';

export function DetailPage<T>(props: {
  back: { href: string; name: string };
  id: string;
  answer: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}) {
  const { back, answer } = props;
  return (
    <div className="page scroll">
      <nav className="crumbs" aria-label="Way back">
        <Link href={back.href}>
          <Icon name="back" /> {back.name}
        </Link>
        <span className="mono">{props.id}</span>
      </nav>
      {answer.isPending && <Loading />}
      {answer.error && answer.data === undefined && (
        <div className="page-body">
          <ErrorNotice error={answer.error} onRetry={() => void answer.refetch()} />
        </div>
      )}
      {answer.data !== undefined && props.children(answer.data)}
    </div>
  );
}
