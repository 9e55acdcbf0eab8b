using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Training;

/// <summary>What the switches over all trainings show: the pause, and what goes on meanwhile.</summary>
/// <param name="Pause">Null: new trainings start.</param>
/// <param name="Cancellable">Open jobs that can still be cancelled: what "stop everything" ends.</param>
/// <param name="Finishing">Jobs whose training has ended: their files are stored whatever happens.</param>
/// <param name="PodsAlive">Pods of the ledger that have an id and are not verified gone.</param>
/// <param name="PodsHeld">Those of them that are kept for their file: "stop everything" leaves them.</param>
/// <param name="Asked">Jobs that were asked to end with the pause's own reason; 0: it is a mere pause.</param>
/// <param name="Ended">Those of them that have ended.</param>
public sealed record SwitchFigures(TrainingPause? Pause, int Cancellable, int Finishing, int PodsAlive, int PodsHeld, int Asked, int Ended)
{
    /// <summary>Open jobs that have asked no provider yet and that nobody asked to end: what goes on when a pause ends.</summary>
    public int Waiting { get; init; }
}

public interface ISwitchQueries
{
    /// <exception cref="StoreUnavailableException">The database is away.</exception>
    Task<SwitchFigures> ReadAsync(CancellationToken cancellationToken);
}
