namespace LoraAdmin.Platform.Data;

/// <summary>
/// What one feature's tables have to say to another's question, as statements that travel in the asker's own batch: features of the host know nothing of each
/// other, and a round trip more would cost more than most answers.
/// </summary>
internal interface IBatchedQuery<in TQuestion, out TAnswer>
{
    /// <summary>Reads only, of fixed texts.</summary>
    IReadOnlyList<Statement> Ask(TQuestion question);

    /// <param name="answers">Those to <see cref="Ask"/>, in its order.</param>
    TAnswer Read(TQuestion question, IReadOnlyList<Answer> answers);
}
