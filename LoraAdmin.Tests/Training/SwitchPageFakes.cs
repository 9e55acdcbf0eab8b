using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Training;
using Microsoft.Extensions.DependencyInjection;

namespace LoraAdmin.Tests.Training;

/// <summary>Both sides of the switches: what they show, and what was pressed.</summary>
public sealed class PageSwitches(TimeProvider clock) : ISwitchQueries, ITrainingSwitches
{
    public SwitchFigures Figures { get; set; } = new(null, 0, 0, 0, 0, 0, 0);

    /// <summary>Null: the database answers.</summary>
    public string? Away { get; set; }

    public List<(string Reason, DateTimeOffset? Until, Actor Actor)> Paused { get; } = [];

    public List<Actor> Resumed { get; } = [];

    public List<string> Stopped { get; } = [];

    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton<ISwitchQueries>(this);
        services.AddSingleton<ITrainingSwitches>(this);
    }

    public Task<SwitchFigures> ReadAsync(CancellationToken cancellationToken) => Answer(Figures);

    public Task PauseAsync(string reason, DateTimeOffset? until, Actor actor, CancellationToken cancellationToken)
    {
        Task answer = Answer(true);
        Paused.Add((reason, until, actor));
        Figures = Figures with { Pause = new TrainingPause(reason, actor, clock.GetUtcNow(), until) };
        return answer;
    }

    public Task ResumeAsync(Actor actor, CancellationToken cancellationToken)
    {
        Task answer = Answer(true);
        Resumed.Add(actor);
        Figures = Figures with { Pause = null };
        return answer;
    }

    public Task<int> StopEverythingAsync(string reason, Actor actor, CancellationToken cancellationToken)
    {
        Stopped.Add(reason);
        return Answer(Figures.Cancellable);
    }

    private Task<T> Answer<T>(T value) => Away is { } reason ? throw new StoreUnavailableException(reason) : Task.FromResult(value);
}
