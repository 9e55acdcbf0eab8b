namespace LoraAdmin.Domain.Shared;

public enum ActorKind
{
    /// <summary>The portal itself: conductor, pod loop, scheduled operations.</summary>
    Portal,

    /// <summary>An admin who is signed in.</summary>
    Person,

    /// <summary>Another system that calls the API with a token.</summary>
    Token,
}

/// <summary>Who did something. <paramref name="Name"/> is what people recognise: a sign-in name, a token's name, the loop's dotted name.</summary>
public sealed record Actor(ActorKind Kind, string Name)
{
    public static Actor Portal(string loop) => new(ActorKind.Portal, loop);

    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()}:{Name}";
}
