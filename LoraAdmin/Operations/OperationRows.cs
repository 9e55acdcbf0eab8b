using System.Text.Json;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Operations;

internal sealed class OperationScheduleRow : IEntityTypeConfiguration<OperationScheduleRow>
{
    public string Operation { get; set; } = "";
    public string Cron { get; set; } = "";
    public string TimeZone { get; set; } = "";
    public CatchUp CatchUp { get; set; }
    public bool IsEdited { get; set; }
    public string? PauseReason { get; set; }
    public ActorKind? PausedByKind { get; set; }
    public string? PausedByName { get; set; }
    public long? PausedAt { get; set; }
    public long? PausedUntil { get; set; }
    public long AccountedUntil { get; set; }
    public long? InForceFrom { get; set; }

    /// <summary>Number of the operation's newest run.</summary>
    public long LastNumber { get; set; }

    public void Configure(EntityTypeBuilder<OperationScheduleRow> builder)
    {
        builder.ToTable("operation_schedules");
        builder.HasKey(row => row.Operation);
        builder.Property(row => row.CatchUp).HasConversion<WordConverter<CatchUp>>();
        builder.Property(row => row.PausedByKind).HasConversion<WordConverter<ActorKind>>();
    }

    public OperationSchedule ToSchedule() => new(
        Operation,
        Cron,
        TimeZone,
        CatchUp,
        IsEdited,
        PauseReason is null
            ? null
            : new OperationPause(PauseReason, new Actor(PausedByKind!.Value, PausedByName!), Instants.FromMillis(PausedAt!.Value), Instants.FromMillis(PausedUntil)),
        Instants.FromMillis(AccountedUntil))
    {
        InForceFrom = Instants.FromMillis(InForceFrom),
    };
}

/// <summary>When a keeper was last awake, and the kill switch: the table has one row.</summary>
internal sealed class OperationStandingRow : IEntityTypeConfiguration<OperationStandingRow>
{
    public const int TheOne = 1;

    public int Id { get; set; }
    public long? SeenAt { get; set; }
    public string? HoldReason { get; set; }
    public ActorKind? HeldByKind { get; set; }
    public string? HeldByName { get; set; }
    public long? HeldAt { get; set; }
    public long? HeldUntil { get; set; }

    public void Configure(EntityTypeBuilder<OperationStandingRow> builder)
    {
        builder.ToTable("operation_standing");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.HeldByKind).HasConversion<WordConverter<ActorKind>>();
    }
}

internal sealed class OperationRunRow : IEntityTypeConfiguration<OperationRunRow>
{
    public Guid Id { get; set; }
    public string Operation { get; set; } = "";
    public long Number { get; set; }
    public RunTrigger Trigger { get; set; }
    public long? Instant { get; set; }
    public ActorKind StartedByKind { get; set; }
    public string StartedByName { get; set; } = "";
    public string? Reason { get; set; }
    public RunState State { get; set; }
    public long StartedAt { get; set; }
    public long? EndedAt { get; set; }
    public string Instance { get; set; } = "";
    public long LeaseUntil { get; set; }
    public Guid? PlanId { get; set; }
    public long Planned { get; set; }
    public long Done { get; set; }
    public long Ineligible { get; set; }
    public long Failed { get; set; }
    public string? Outcome { get; set; }
    public ActorKind? CancelByKind { get; set; }
    public string? CancelByName { get; set; }
    public string? CancelReason { get; set; }
    public long? CancelAt { get; set; }
    public Guid? Resumes { get; set; }
    public Guid? ResumedBy { get; set; }
    public int Attempt { get; set; }
    public string? FiguresBefore { get; set; }
    public string? FiguresAfter { get; set; }

    public void Configure(EntityTypeBuilder<OperationRunRow> builder)
    {
        builder.ToTable("operation_runs");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.Trigger).HasColumnName("run_trigger").HasConversion<WordConverter<RunTrigger>>();
        builder.Property(row => row.Instant).HasColumnName("scheduled_at");
        builder.Property(row => row.StartedByKind).HasConversion<WordConverter<ActorKind>>();
        builder.Property(row => row.State).HasConversion<WordConverter<RunState>>();
        builder.Property(row => row.CancelByKind).HasConversion<WordConverter<ActorKind>>();

        // No operation overlaps itself, whatever instances do at the same moment.
        builder.HasIndex(row => row.Operation, "ux_operation_runs_at_work").IsUnique().HasFilter("state = 'running'");
        builder.HasIndex(row => row.State, "ix_operation_runs_stranded").HasFilter("resumed_by IS NULL AND state IN ('running', 'interrupted')");
        builder.HasIndex(row => new { row.Operation, row.StartedAt, row.Id });
        builder.HasIndex(row => new { row.StartedAt, row.Id });
    }

    public static OperationRunRow From(OperationRun run) => new()
    {
        Id = run.Id,
        Operation = run.Operation,
        Number = run.Number,
        Trigger = run.Trigger,
        Instant = run.Instant.ToMillis(),
        StartedByKind = run.StartedBy.Kind,
        StartedByName = run.StartedBy.Name,
        Reason = run.Reason,
        State = run.State,
        StartedAt = run.StartedAt.ToMillis(),
        EndedAt = run.EndedAt.ToMillis(),
        Instance = run.Instance,
        LeaseUntil = run.LeaseUntil.ToMillis(),
        PlanId = run.Plan,
        Planned = run.Planned,
        Done = run.Done,
        Ineligible = run.Ineligible,
        Failed = run.Failed,
        Outcome = run.Outcome,
        CancelByKind = run.Cancel?.By.Kind,
        CancelByName = run.Cancel?.By.Name,
        CancelReason = run.Cancel?.Reason,
        CancelAt = run.Cancel?.At.ToMillis(),
        Resumes = run.Resumes,
        ResumedBy = run.ResumedBy,
        Attempt = run.Attempt,
        FiguresBefore = OperationFigures.Write(run.Before),
        FiguresAfter = OperationFigures.Write(run.After),
    };

    public OperationRun ToRun() => new()
    {
        Id = Id,
        Operation = Operation,
        Number = Number,
        Trigger = Trigger,
        Instant = Instants.FromMillis(Instant),
        StartedBy = new Actor(StartedByKind, StartedByName),
        Reason = Reason,
        State = State,
        StartedAt = Instants.FromMillis(StartedAt),
        EndedAt = Instants.FromMillis(EndedAt),
        Instance = Instance,
        LeaseUntil = Instants.FromMillis(LeaseUntil),
        Plan = PlanId,
        Planned = Planned,
        Done = Done,
        Ineligible = Ineligible,
        Failed = Failed,
        Outcome = Outcome,
        Cancel = CancelReason is null ? null : new CancelAsk(new Actor(CancelByKind!.Value, CancelByName!), CancelReason, Instants.FromMillis(CancelAt!.Value)),
        Resumes = Resumes,
        ResumedBy = ResumedBy,
        Attempt = Attempt,
        Before = OperationFigures.Read(FiguresBefore),
        After = OperationFigures.Read(FiguresAfter),
    };
}

internal sealed class OperationRunLineRow : IEntityTypeConfiguration<OperationRunLineRow>
{
    public Guid RunId { get; set; }
    public int Number { get; set; }
    public long At { get; set; }
    public EventSeverity Severity { get; set; }
    public string Text { get; set; } = "";

    public void Configure(EntityTypeBuilder<OperationRunLineRow> builder)
    {
        builder.ToTable("operation_run_lines");
        builder.HasKey(row => new { row.RunId, row.Number });
        builder.Property(row => row.Number).ValueGeneratedNever();
        builder.Property(row => row.At).HasColumnName("written_at");
        builder.Property(row => row.Severity).HasConversion<WordConverter<EventSeverity>>();
    }
}

internal sealed class OperationPlanRow : IEntityTypeConfiguration<OperationPlanRow>
{
    public Guid Id { get; set; }
    public string Operation { get; set; } = "";
    public string Installation { get; set; } = "";
    public PlanShape Shape { get; set; }
    public long AsOf { get; set; }
    public long Count { get; set; }
    public string? Predicate { get; set; }
    public string? Parameters { get; set; }
    public string? Totals { get; set; }
    public int? WithinCaps { get; set; }
    public string? CapWords { get; set; }
    public string Hash { get; set; } = "";
    public ActorKind MadeByKind { get; set; }
    public string MadeByName { get; set; } = "";
    public long MadeAt { get; set; }
    public PlanState State { get; set; }
    public Guid? RunId { get; set; }
    public bool IsReadable { get; set; }

    public void Configure(EntityTypeBuilder<OperationPlanRow> builder)
    {
        builder.ToTable("operation_plans");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.Shape).HasConversion<WordConverter<PlanShape>>();
        builder.Property(row => row.Count).HasColumnName("planned_count");
        builder.Property(row => row.MadeByKind).HasConversion<WordConverter<ActorKind>>();
        builder.Property(row => row.State).HasConversion<WordConverter<PlanState>>();
        builder.HasIndex(row => row.MadeAt, "ix_operation_plans_untaken").HasFilter("run_id IS NULL");
        builder.HasIndex(row => row.RunId);
    }

    public static OperationPlanRow From(OperationPlan plan) => new()
    {
        Id = plan.Id,
        Operation = plan.Operation,
        Installation = plan.Installation,
        Shape = plan.Draft.Shape,
        AsOf = plan.Draft.AsOf.ToMillis(),
        Count = plan.Draft.Count,
        Predicate = plan.Draft.Predicate,
        Parameters = plan.Draft.Parameters,
        Totals = OperationFigures.Write(plan.Draft.Totals),
        WithinCaps = plan.Draft.WithinCaps,
        CapWords = plan.Draft.CapWords,
        Hash = plan.Hash,
        MadeByKind = plan.MadeBy.Kind,
        MadeByName = plan.MadeBy.Name,
        MadeAt = plan.MadeAt.ToMillis(),
        State = plan.State,
        RunId = plan.Run,
        IsReadable = plan.IsReadable,
    };

    public OperationPlan ToPlan() => new(
        Id,
        Operation,
        Installation,
        new PlanDraft(Instants.FromMillis(AsOf), Shape, [], Count)
        {
            Predicate = Predicate,
            Parameters = Parameters,
            Totals = OperationFigures.Read(Totals),
            WithinCaps = WithinCaps,
            CapWords = CapWords,
        },
        Hash,
        new Actor(MadeByKind, MadeByName),
        Instants.FromMillis(MadeAt),
        State,
        RunId)
    {
        IsReadable = IsReadable,
    };
}

internal sealed class OperationPlanItemRow : IEntityTypeConfiguration<OperationPlanItemRow>
{
    public Guid PlanId { get; set; }
    public int Number { get; set; }
    public string Target { get; set; } = "";
    public string Action { get; set; } = "";
    public string Reason { get; set; } = "";
    public string? Label { get; set; }
    public long? Bytes { get; set; }
    public long? MoneyMicros { get; set; }
    public string? Detail { get; set; }
    public ItemEnd? Outcome { get; set; }
    public string? OutcomeWhy { get; set; }
    public long? EndedAt { get; set; }

    public void Configure(EntityTypeBuilder<OperationPlanItemRow> builder)
    {
        builder.ToTable("operation_plan_items");
        builder.HasKey(row => new { row.PlanId, row.Number });
        builder.Property(row => row.Number).ValueGeneratedNever();
        builder.Property(row => row.Outcome).HasConversion<WordConverter<ItemEnd>>();
    }

    public static OperationPlanItemRow From(Guid plan, int number, PlanItem item) => new()
    {
        PlanId = plan,
        Number = number,
        Target = item.Target,
        Action = item.Action,
        Reason = item.Reason,
        Label = item.Label,
        Bytes = item.Bytes,
        MoneyMicros = item.Money?.Micros,
        Detail = item.Detail,
    };

    public PlannedItem ToItem() => new(
        Number,
        new PlanItem(Target, Action, Reason) { Label = Label, Bytes = Bytes, Money = MoneyMicros is { } micros ? new Usd(micros) : null, Detail = Detail },
        Outcome is { } end ? new ItemOutcome(end, OutcomeWhy) : null,
        Instants.FromMillis(EndedAt));
}

internal sealed class OperationOccurrenceRow : IEntityTypeConfiguration<OperationOccurrenceRow>
{
    public string Operation { get; set; } = "";
    public long Instant { get; set; }
    public OccurrenceState State { get; set; }
    public string? Why { get; set; }
    public Guid? RunId { get; set; }
    public Guid? MadeUpBy { get; set; }
    public long? EndedAt { get; set; }

    public void Configure(EntityTypeBuilder<OperationOccurrenceRow> builder)
    {
        builder.ToTable("operation_occurrences");
        builder.HasKey(row => new { row.Operation, row.Instant });
        builder.Property(row => row.Instant).HasColumnName("scheduled_at").ValueGeneratedNever();
        builder.Property(row => row.State).HasConversion<WordConverter<OccurrenceState>>();
        builder.HasIndex(row => row.Instant, "ix_operation_occurrences_open").HasFilter("ended_at IS NULL");
    }

    public Occurrence ToOccurrence() => new(Operation, Instants.FromMillis(Instant), State, Why, RunId, MadeUpBy, Instants.FromMillis(EndedAt));
}

/// <summary>Figures as they stand in a column: a small JSON object in their own order.</summary>
internal static class OperationFigures
{
    public static string? Write(IReadOnlyList<Figure> figures) => figures.Count == 0 ? null : JsonSerializer.Serialize(figures);

    public static IReadOnlyList<Figure> Read(string? text) => text is null ? [] : JsonSerializer.Deserialize<List<Figure>>(text) ?? [];
}
