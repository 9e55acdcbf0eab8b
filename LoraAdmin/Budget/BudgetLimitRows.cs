using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace LoraAdmin.Budget;

/// <summary>
/// The limit that was set over the options, and the options as they were when they were last noted. The table has one row from the first migration on, so
/// that it can be locked.
/// </summary>
internal sealed class BudgetLimitRow : IEntityTypeConfiguration<BudgetLimitRow>
{
    public const int TheOne = 1;

    public int Id { get; set; }

    /// <summary>Null: the options hold.</summary>
    public long? LimitMicros { get; set; }

    public long? WarnMicros { get; set; }
    public BudgetMode? Mode { get; set; }
    public long? SetAt { get; set; }
    public ActorKind? SetByKind { get; set; }
    public string? SetByName { get; set; }
    public string? Reason { get; set; }
    public long? OptionLimitMicros { get; set; }
    public long? OptionWarnMicros { get; set; }
    public BudgetMode? OptionMode { get; set; }

    public void Configure(EntityTypeBuilder<BudgetLimitRow> builder)
    {
        builder.ToTable("budget_limit");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.Mode).HasConversion<WordConverter<BudgetMode>>();
        builder.Property(row => row.OptionMode).HasConversion<WordConverter<BudgetMode>>();
        builder.Property(row => row.SetByKind).HasConversion<WordConverter<ActorKind>>();
        builder.HasData(new BudgetLimitRow { Id = TheOne });
    }

    public BudgetLimit ToLimit(BudgetRules options) => LimitMicros is { } limit
        ? new BudgetLimit(
            Rules(limit, WarnMicros!.Value, Mode!.Value), options, new Actor(SetByKind!.Value, SetByName!), Instants.FromMillis(SetAt!.Value), Reason)
        : BudgetLimit.Of(options);

    public static BudgetRules Rules(long limit, long warn, BudgetMode mode) => new(new Usd(limit), new Usd(warn)) { Mode = mode };
}

internal sealed class BudgetLimitChangeRow : IEntityTypeConfiguration<BudgetLimitChangeRow>
{
    public Guid Id { get; set; }
    public long At { get; set; }
    public ActorKind ActorKind { get; set; }
    public string ActorName { get; set; } = "";
    public string Reason { get; set; } = "";
    public long OldLimitMicros { get; set; }
    public long OldWarnMicros { get; set; }
    public BudgetMode OldMode { get; set; }
    public long NewLimitMicros { get; set; }
    public long NewWarnMicros { get; set; }
    public BudgetMode NewMode { get; set; }
    public bool FollowsOptions { get; set; }

    public void Configure(EntityTypeBuilder<BudgetLimitChangeRow> builder)
    {
        builder.ToTable("budget_limit_changes");
        builder.HasKey(row => row.Id);
        builder.Property(row => row.Id).ValueGeneratedNever();
        builder.Property(row => row.ActorKind).HasConversion<WordConverter<ActorKind>>();
        builder.Property(row => row.OldMode).HasConversion<WordConverter<BudgetMode>>();
        builder.Property(row => row.NewMode).HasConversion<WordConverter<BudgetMode>>();
        builder.HasIndex(row => new { row.At, row.Id });
    }

    public static BudgetLimitChangeRow From(BudgetLimitChange change) => new()
    {
        Id = change.Id,
        At = change.At.ToMillis(),
        ActorKind = change.Actor.Kind,
        ActorName = change.Actor.Name,
        Reason = change.Reason,
        OldLimitMicros = change.Before.MonthlyLimit.Micros,
        OldWarnMicros = change.Before.WarnAt.Micros,
        OldMode = change.Before.Mode,
        NewLimitMicros = change.After.MonthlyLimit.Micros,
        NewWarnMicros = change.After.WarnAt.Micros,
        NewMode = change.After.Mode,
        FollowsOptions = change.FollowsOptions,
    };

    public BudgetLimitChange ToChange() => new(
        Id,
        Instants.FromMillis(At),
        new Actor(ActorKind, ActorName),
        Reason,
        BudgetLimitRow.Rules(OldLimitMicros, OldWarnMicros, OldMode),
        BudgetLimitRow.Rules(NewLimitMicros, NewWarnMicros, NewMode),
        FollowsOptions);
}
